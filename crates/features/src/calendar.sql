-- 1970 began on a Thursday, three days into a week.
WITH active AS (
    SELECT user_id, message_id,
           ((occurred_at_us + 259200000000) % 604800000000 + 604800000000) % 604800000000 AS us_of_week
    FROM interactions
    WHERE user_id IS NOT NULL AND interaction_type IS NOT NULL AND interaction_type <> 'impression'
      AND position <= :up_to
), placed AS (
    SELECT user_id, message_id,
           (CAST(floor(CAST(us_of_week AS DOUBLE) / 3.6e9) AS BIGINT) + :zone_hours + 168) % 168 AS hour_of_week
    FROM active
)
SELECT user_id,
       CAST(floor(CAST(hour_of_week AS DOUBLE) / 2.4e1) AS BIGINT) AS day_of_week_interaction,
       hour_of_week % 24 AS hour_interaction,
       count(DISTINCT message_id) AS n
FROM placed
GROUP BY user_id, hour_of_week
