"""Who may pass: a pure decision, the same at the gate and on the platform."""
