"""Loss functions and class statistics; none knows a network, a method or a trainer."""
