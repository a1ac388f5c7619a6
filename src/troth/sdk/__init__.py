"""What users import: functions, contexts, handles, and the engine that runs them over a transport."""
