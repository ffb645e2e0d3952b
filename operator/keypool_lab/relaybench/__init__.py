"""What the relay costs, beside others, and what fails under trouble. Everything runs in processes of its own."""
