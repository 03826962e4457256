"""The log over WebSocket: one connection, any number of subscriptions, each with its own place in the log."""
