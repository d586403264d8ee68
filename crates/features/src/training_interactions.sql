SELECT user_id, product_id, strength AS weight, last_at_us, n
FROM history
WHERE strength > 0e0
