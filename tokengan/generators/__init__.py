"""Networks and tables that write sequences."""
