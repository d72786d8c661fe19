-- What a request with an Idempotency-Key brought about, written in the change that did it: a repeat
-- after a crash is answered from it. Empty where only the answer is known.
ALTER TABLE idempotency ADD COLUMN effect TEXT NOT NULL DEFAULT '';
