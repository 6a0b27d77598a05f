CREATE TABLE `agent_types` (
	`fleet` text NOT NULL,
	`slug` text NOT NULL,
	`definition` text NOT NULL,
	`created_ms` integer NOT NULL,
	PRIMARY KEY(`fleet`, `slug`)
);
--> statement-breakpoint
CREATE TABLE `agents` (
	`id` text PRIMARY KEY NOT NULL,
	`fleet` text NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	`host` text NOT NULL,
	`workspace` text NOT NULL,
	`role` text,
	`priority` integer NOT NULL,
	`tags` text NOT NULL,
	`model` text,
	`env` text NOT NULL,
	`args` text NOT NULL,
	`session` text,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `agents_fleet_name` ON `agents` (`fleet`,`name`);--> statement-breakpoint
CREATE INDEX `agents_host` ON `agents` (`fleet`,`host`);--> statement-breakpoint
CREATE TABLE `browser_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`fleet` text NOT NULL,
	`member` text NOT NULL,
	`parent` text,
	`digest` text NOT NULL,
	`key_digest` text NOT NULL,
	`role` text NOT NULL,
	`scopes` text NOT NULL,
	`agents` text,
	`hosts` text,
	`created_ms` integer NOT NULL,
	`last_seen_ms` integer NOT NULL,
	`expires_ms` integer NOT NULL,
	`step_up_until_ms` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `browser_sessions_digest` ON `browser_sessions` (`digest`);--> statement-breakpoint
CREATE INDEX `browser_sessions_parent` ON `browser_sessions` (`parent`);--> statement-breakpoint
CREATE INDEX `browser_sessions_member` ON `browser_sessions` (`fleet`,`member`);--> statement-breakpoint
CREATE TABLE `fleets` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`registry_version` integer DEFAULT 1 NOT NULL,
	`created_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `fleets_name` ON `fleets` (`name`);--> statement-breakpoint
CREATE TABLE `hosts` (
	`id` text PRIMARY KEY NOT NULL,
	`fleet` text NOT NULL,
	`name` text NOT NULL,
	`transport` text NOT NULL,
	`labels` text NOT NULL,
	`draining` integer DEFAULT false NOT NULL,
	`signing_key` text NOT NULL,
	`sealing_key` text NOT NULL,
	`previous_key` text,
	`previous_until_ms` integer,
	`locked_reason` text,
	`locked_ms` integer,
	`created_ms` integer NOT NULL,
	`updated_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `hosts_fleet_name` ON `hosts` (`fleet`,`name`);--> statement-breakpoint
CREATE TABLE `idempotency` (
	`fleet` text NOT NULL,
	`credential` text NOT NULL,
	`key` text NOT NULL,
	`digest` text NOT NULL,
	`status` integer,
	`response` text,
	`created_ms` integer NOT NULL,
	PRIMARY KEY(`fleet`, `credential`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_created` ON `idempotency` (`created_ms`);--> statement-breakpoint
CREATE TABLE `joins` (
	`id` text PRIMARY KEY NOT NULL,
	`fleet` text NOT NULL,
	`lookup` text NOT NULL,
	`digest` text NOT NULL,
	`name` text,
	`labels` text,
	`created_by` text NOT NULL,
	`created_ms` integer NOT NULL,
	`expires_ms` integer NOT NULL,
	`used_ms` integer,
	`host` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `joins_lookup` ON `joins` (`lookup`);--> statement-breakpoint
CREATE TABLE `login_links` (
	`lookup` text PRIMARY KEY NOT NULL,
	`fleet` text NOT NULL,
	`member` text NOT NULL,
	`parent` text,
	`digest` text NOT NULL,
	`role` text NOT NULL,
	`scopes` text NOT NULL,
	`agents` text,
	`hosts` text,
	`step_up` integer NOT NULL,
	`created_ms` integer NOT NULL,
	`expires_ms` integer NOT NULL,
	`used_ms` integer
);
--> statement-breakpoint
CREATE INDEX `login_links_parent` ON `login_links` (`parent`);--> statement-breakpoint
CREATE INDEX `login_links_expires` ON `login_links` (`expires_ms`);--> statement-breakpoint
CREATE TABLE `members` (
	`id` text PRIMARY KEY NOT NULL,
	`fleet` text NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`created_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `members_fleet_name` ON `members` (`fleet`,`name`);--> statement-breakpoint
CREATE TABLE `open_sockets` (
	`fleet` text NOT NULL,
	`credential` text NOT NULL,
	`kind` text NOT NULL,
	`object` text NOT NULL,
	`opened_ms` integer NOT NULL,
	PRIMARY KEY(`credential`, `kind`, `object`)
);
--> statement-breakpoint
CREATE INDEX `open_sockets_opened` ON `open_sockets` (`opened_ms`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`fleet` text NOT NULL,
	`member` text NOT NULL,
	`name` text NOT NULL,
	`lookup` text NOT NULL,
	`digest` text NOT NULL,
	`role` text NOT NULL,
	`scopes` text NOT NULL,
	`agents` text,
	`hosts` text,
	`bootstrap` integer DEFAULT false NOT NULL,
	`created_ms` integer NOT NULL,
	`expires_ms` integer NOT NULL,
	`last_used_ms` integer,
	`revoked_ms` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_lookup` ON `tokens` (`lookup`);--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_fleet_name` ON `tokens` (`fleet`,`name`) WHERE revoked_ms is null;--> statement-breakpoint
CREATE INDEX `tokens_member` ON `tokens` (`fleet`,`member`);