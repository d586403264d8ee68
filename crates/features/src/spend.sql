WITH lines AS (
    SELECT user_id, order_id, product_id,
           max(currency) FILTER (WHERE interaction_type = 'purchase') AS currency,
           min(occurred_at_us) FILTER (WHERE interaction_type = 'purchase') AS bought_at_us,
           coalesce(sum(quantity) FILTER (WHERE interaction_type = 'purchase'), 0) AS units,
           coalesce(sum(quantity) FILTER (WHERE interaction_type = 'refund'), 0) AS units_returned,
           coalesce(sum(quantity * price_minor) FILTER (WHERE interaction_type = 'purchase'), 0) AS minor
    FROM interactions
    WHERE user_id IS NOT NULL AND order_id IS NOT NULL AND product_id IS NOT NULL
      AND interaction_type IN ('purchase', 'refund') AND position <= :up_to
    GROUP BY user_id, order_id, product_id
), undone AS (
    SELECT DISTINCT user_id, order_id
    FROM interactions
    WHERE user_id IS NOT NULL AND order_id IS NOT NULL AND position <= :up_to
      AND (event_kind = 'order_cancelled' OR (event_kind = 'order_refunded' AND product_id IS NULL))
), orders AS (
    -- Of a line that was kept in part, the same part of its money was kept, rounded down.
    SELECT l.user_id, l.order_id, max(l.currency) AS currency, min(l.bought_at_us) AS bought_at_us,
           sum(CASE WHEN l.units > l.units_returned
                    THEN CAST(floor(CAST(l.minor AS DOUBLE) * CAST(l.units - l.units_returned AS DOUBLE)
                                    / CAST(l.units AS DOUBLE)) AS BIGINT)
                    ELSE 0 END) AS minor
    FROM lines l LEFT JOIN undone u ON u.user_id = l.user_id AND u.order_id = l.order_id
    WHERE u.order_id IS NULL
    GROUP BY l.user_id, l.order_id
    HAVING max(l.units - l.units_returned) > 0
), spent AS (
    SELECT user_id, currency, count(*) AS n_orders, sum(minor) AS spent_minor, max(bought_at_us) AS last_at_us
    FROM orders
    GROUP BY user_id, currency
)
SELECT user_id, currency, n_orders, spent_minor,
       CAST(spent_minor AS DOUBLE) / CAST(n_orders AS DOUBLE) AS avg_purchase_value_user,
       sum(n_orders) OVER (PARTITION BY user_id) AS total_purchases_user,
       max(last_at_us) OVER (PARTITION BY user_id) AS last_purchase_at_us
FROM spent
