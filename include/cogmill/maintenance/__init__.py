"""Compare bucket and ledger, repair what is safe, remove what is due, report."""
