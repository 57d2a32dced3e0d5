"""What people see and touch: the widget, figures, and the notebook around them."""
