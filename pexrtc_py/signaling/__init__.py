"""The client's half of the conversation with a node: transport, token, event stream, roster, floor and handles."""
