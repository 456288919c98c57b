"""The calculation of a job."""

from math import isqrt


def find_primes(start: int, stop: int) -> list[int]:
    """Return the prime numbers from `start` up to `stop`, which is excluded, by trial division."""
    return [number for number in range(max(start, 2), stop) if is_prime(number)]


def is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, isqrt(number) + 1))
