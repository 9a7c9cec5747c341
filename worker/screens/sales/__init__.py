"""The screens of those who work with orders: sales, finance and support."""
