"""The wire vocabulary: records, requests, answers, messages, addresses. Data only, no rule and no I/O."""
