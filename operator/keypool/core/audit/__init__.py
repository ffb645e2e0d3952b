"""The audit log's format: its lines, their chain, its verification, and what can be asked of it. Pure."""
