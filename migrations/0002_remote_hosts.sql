ALTER TABLE `hosts` ADD `via` text;--> statement-breakpoint
ALTER TABLE `hosts` ADD `record` text;--> statement-breakpoint
ALTER TABLE `hosts` ADD `enabled` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `hosts` ADD `is_default` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `hosts` ADD `last_check` text;--> statement-breakpoint
CREATE INDEX `hosts_via` ON `hosts` (`via`);