-- Receipts left in served boxes count against the same room as letters, as their triggers say.
INSERT INTO sizes (name, rows, bytes)
  SELECT 'served_receipts', count(*), coalesce(sum(length(receipt)), 0) FROM served_receipts;
CREATE TRIGGER served_receipts_added AFTER INSERT ON served_receipts BEGIN
  UPDATE sizes SET rows = rows + 1, bytes = bytes + length(NEW.receipt)
    WHERE name = 'served_receipts';
END;
CREATE TRIGGER served_receipts_removed AFTER DELETE ON served_receipts BEGIN
  UPDATE sizes SET rows = rows - 1, bytes = bytes - length(OLD.receipt)
    WHERE name = 'served_receipts';
END;
