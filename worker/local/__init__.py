"""What `daybook up` runs on one machine beside Daybook itself: PostgreSQL and Valkey from wheels, and their data."""
