WITH dated AS (
    SELECT user_id, product_id, interaction_type,
           CAST(floor(CAST(occurred_at_us AS DOUBLE) / 8.64e10) AS BIGINT) AS utc_day
    FROM interactions
    WHERE user_id IS NOT NULL AND product_id IS NOT NULL AND interaction_type IS NOT NULL AND position <= :up_to
), touched AS (
    SELECT user_id, product_id, max(utc_day) AS last_day
    FROM dated
    WHERE interaction_type NOT IN ('impression', 'refund')
    GROUP BY user_id, product_id
), shown AS (
    SELECT user_id, product_id, utc_day,
           CAST(floor(CAST(:now_us AS DOUBLE) / 8.64e10) AS BIGINT) - utc_day AS age,
           max(utc_day) OVER (PARTITION BY user_id, product_id) - utc_day AS days_before,
           count(*) OVER (PARTITION BY user_id, product_id, utc_day) AS n
    FROM dated
    WHERE interaction_type = 'impression'
)
SELECT s.user_id, s.product_id,
       sum(exp(-6.931471805599453e-1 * CAST(greatest(s.age, 0) AS DOUBLE) / 7e0)
           * CASE WHEN s.n > 255 THEN 2.55e2 / CAST(s.n AS DOUBLE) ELSE 1e0 END) AS shown_without_click
FROM shown s LEFT JOIN touched t ON t.user_id = s.user_id AND t.product_id = s.product_id
WHERE s.days_before < 14 AND (t.last_day IS NULL OR s.utc_day > t.last_day)
GROUP BY s.user_id, s.product_id
