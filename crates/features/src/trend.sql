WITH bought AS (
    SELECT product_id,
           CAST(floor(CAST(:now_us AS DOUBLE) / 8.64e10) AS BIGINT)
             - CAST(floor(CAST(occurred_at_us AS DOUBLE) / 8.64e10) AS BIGINT) AS days_ago
    FROM interactions
    WHERE product_id IS NOT NULL AND interaction_type = 'purchase' AND position <= :up_to
), weeks AS (
    SELECT product_id,
           count(*) FILTER (WHERE days_ago BETWEEN 0 AND 6) AS purchases_recent,
           count(*) FILTER (WHERE days_ago BETWEEN 7 AND 13) AS purchases_before
    FROM bought
    GROUP BY product_id
)
SELECT product_id, purchases_recent, purchases_before,
       ln((CAST(purchases_recent AS DOUBLE) + 1e0) / (CAST(purchases_before AS DOUBLE) + 1e0))
         AS purchase_trend_over_time
FROM weeks
