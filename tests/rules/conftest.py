from hypothesis import HealthCheck, settings

# What is tested here is thought, not speed: a busy machine must not turn it red.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")
