SELECT user_id, min(occurred_at_us) AS first_at_us, max(occurred_at_us) AS last_at_us
FROM interactions
WHERE user_id IS NOT NULL AND position <= :up_to
GROUP BY user_id
