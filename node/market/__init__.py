"""What this operator wishes: requests, answers, and the rules they keep; no SQL, no sockets."""
