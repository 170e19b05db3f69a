-- Automatic answers are limited for each domain too.
CREATE INDEX automatic_answers_by_domain ON automatic_answers (kind, substr(address, instr(address, '@') + 1), at);
