"""The side-car: takes an application's requests on loopback and sends them on with a key that works."""
