"""Start trainings: bases, pre-flight, X-ray, run folders."""
