ALTER TABLE `agents` ADD `cwd` text;--> statement-breakpoint
ALTER TABLE `agents` ADD `program` text;