"""What we tell the public: components, uptime, incidents."""
