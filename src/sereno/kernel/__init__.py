"""The words everyone uses: durations, labels, severities, rules, events, messages and the error tree."""
