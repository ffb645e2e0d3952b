"""Would the tests notice? Defects are sown into a copy of the code, one at a time, and the tests have to catch each."""
