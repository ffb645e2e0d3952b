"""What stands in requests and answers: URLs, headers, event streams, JSON. Pure: bytes in, decisions out."""
