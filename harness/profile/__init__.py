"""Where a call's time goes: node by node, operator by operator, and in terms of the source graph."""
