"""The compound on one page, live."""
