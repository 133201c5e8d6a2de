"""What pages are built of: elements, fields, figures, charts, panes."""
