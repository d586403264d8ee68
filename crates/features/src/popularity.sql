SELECT product_id,
       sum(interaction_score * exp(-6.931471805599453e-1 * CAST(:now_us - occurred_at_us AS DOUBLE)
                                   / CAST(:half_life_us AS DOUBLE))) AS popularity_score
FROM interactions
WHERE product_id IS NOT NULL AND interaction_score > 0e0 AND position <= :up_to
GROUP BY product_id
