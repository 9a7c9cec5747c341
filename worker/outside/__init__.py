"""The only room that calls other companies. What comes back is data or a named failure, never a raw exception."""
