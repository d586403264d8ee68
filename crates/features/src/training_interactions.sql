SELECT h.user_id, h.product_id, TRUE AS is_purchase,
       d.day_us + 43200000000 AS at_us, 5e0 AS weight
FROM history h
JOIN (
    SELECT user_id, product_id, day_us,
           row_number() OVER (PARTITION BY user_id, product_id ORDER BY day_us DESC NULLS LAST) AS rank
    FROM (
        SELECT DISTINCT user_id, product_id,
               occurred_at_us - ((occurred_at_us % 86400000000) + 86400000000) % 86400000000 AS day_us
        FROM interactions
        WHERE user_id IS NOT NULL AND product_id IS NOT NULL AND position <= :up_to AND interaction_type = 'purchase'
    ) bought
) d ON d.user_id = h.user_id AND d.product_id = h.product_id
WHERE h.strength > 0e0 AND d.rank <= least(h.n_purchase, 32)
UNION ALL
SELECT user_id, product_id, FALSE AS is_purchase, last_at_us AS at_us, least(interest, 4e0) AS weight
FROM history
WHERE interest > 0e0
