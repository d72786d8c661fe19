"""The way back: sealed letters, the mailboxes that hold them, the receipts that end them."""
