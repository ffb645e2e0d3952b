"""What the tests prove, read from their sources: docs/tests.md is made of it."""
