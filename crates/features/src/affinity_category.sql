SELECT user_id, product_category,
       CASE WHEN sum(weight) OVER (PARTITION BY user_id) > 0e0
            THEN weight / sum(weight) OVER (PARTITION BY user_id) ELSE 0e0 END AS share
FROM (
    SELECT h.user_id, p.product_category,
           sum(h.strength * exp(-6.931471805599453e-1 * CAST(greatest(:now_us - h.last_at_us, 0) AS DOUBLE)
                                / CAST(:half_life_us AS DOUBLE))) AS weight
    FROM history h JOIN products p ON p.product_id = h.product_id
    WHERE h.strength > 0e0 AND p.product_category IS NOT NULL
    GROUP BY h.user_id, p.product_category
) t
