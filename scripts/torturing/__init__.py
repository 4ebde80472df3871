"""Torture by ledger: what clients were told, against what the store holds in the end."""
