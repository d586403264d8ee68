WITH priced AS (
    SELECT user_id, currency,
           CAST(round(interaction_score) AS BIGINT) AS w,
           CAST(round(ln(CAST(greatest(price_minor, 1) AS DOUBLE)) * 1e3) AS BIGINT) AS x
    FROM interactions
    WHERE user_id IS NOT NULL AND price_minor > 0 AND interaction_score > 0e0 AND position <= :up_to
), sums AS (
    SELECT user_id, currency, count(*) AS n,
           CAST(sum(w) AS DOUBLE) AS w, CAST(sum(w * x) AS DOUBLE) AS wx, CAST(sum(w * x * x) AS DOUBLE) AS wxx
    FROM priced
    GROUP BY user_id, currency
)
SELECT user_id, currency, n,
       wx / w / 1e3 AS price_log_mean,
       sqrt(greatest(wxx / w - (wx / w) * (wx / w), 0e0)) / 1e3 AS price_log_sd
FROM sums
