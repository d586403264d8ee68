WITH touched AS (
    SELECT user_id, product_id,
           min(occurred_at_us) AS first_at_us,
           max(occurred_at_us) AS last_at_us,
           count(*) FILTER (WHERE interaction_type = 'click') AS n_click,
           count(*) FILTER (WHERE interaction_type = 'view') AS n_view,
           count(*) FILTER (WHERE interaction_type = 'dwell') AS n_dwell,
           count(*) FILTER (WHERE interaction_type = 'share') AS n_share,
           count(*) FILTER (WHERE interaction_type = 'wishlist') AS n_wishlist,
           count(*) FILTER (WHERE interaction_type = 'cart')
             - count(*) FILTER (WHERE interaction_type = 'uncart') AS n_cart,
           count(*) FILTER (WHERE interaction_type = 'rating') AS n_rating
    FROM interactions
    WHERE user_id IS NOT NULL AND product_id IS NOT NULL AND position <= :up_to
      AND interaction_type IN ('click', 'view', 'dwell', 'share', 'wishlist', 'cart', 'uncart', 'purchase', 'rating')
    GROUP BY user_id, product_id
), lines AS (
    SELECT user_id, order_id, product_id,
           count(*) FILTER (WHERE interaction_type = 'purchase') AS n,
           coalesce(sum(quantity) FILTER (WHERE interaction_type = 'purchase'), 0) AS units,
           coalesce(sum(quantity) FILTER (WHERE interaction_type = 'refund'), 0) AS units_returned
    FROM interactions
    WHERE user_id IS NOT NULL AND order_id IS NOT NULL AND product_id IS NOT NULL
      AND interaction_type IN ('purchase', 'refund') AND position <= :up_to
    GROUP BY user_id, order_id, product_id
), undone AS (
    SELECT DISTINCT user_id, order_id
    FROM interactions
    WHERE user_id IS NOT NULL AND order_id IS NOT NULL AND position <= :up_to
      AND (event_kind = 'order_cancelled' OR (event_kind = 'order_refunded' AND product_id IS NULL))
), kept AS (
    SELECT l.user_id, l.product_id, sum(l.n) AS n_purchase
    FROM lines l LEFT JOIN undone u ON u.user_id = l.user_id AND u.order_id = l.order_id
    WHERE u.order_id IS NULL AND l.units > l.units_returned
    GROUP BY l.user_id, l.product_id
), ratings AS (
    SELECT user_id, product_id, rating,
           row_number() OVER (PARTITION BY user_id, product_id
                              ORDER BY occurred_at_us DESC NULLS LAST, rating DESC NULLS LAST) AS rank
    FROM interactions
    WHERE user_id IS NOT NULL AND product_id IS NOT NULL AND position <= :up_to
      AND interaction_type = 'rating' AND rating IS NOT NULL
), net AS (
    SELECT t.user_id, t.product_id, t.first_at_us, t.last_at_us,
           t.n_click, t.n_view, t.n_dwell, t.n_share, t.n_wishlist, t.n_rating,
           greatest(t.n_cart, 0) AS n_cart,
           coalesce(k.n_purchase, 0) AS n_purchase,
           r.rating AS stars
    FROM touched t
    LEFT JOIN kept k ON k.user_id = t.user_id AND k.product_id = t.product_id
    LEFT JOIN ratings r ON r.user_id = t.user_id AND r.product_id = t.product_id AND r.rank = 1
), weighed AS (
    SELECT user_id, product_id, first_at_us, last_at_us,
           n_click + n_view + n_dwell + n_share + n_wishlist + n_cart + n_purchase + n_rating AS n,
           n_view, n_purchase, stars,
           CASE WHEN stars < 2.5e0 THEN 0e0 ELSE 1e0 END AS is_liked,
           CASE WHEN n_click > 0 THEN 1e0 + ln(CAST(n_click AS DOUBLE)) ELSE 0e0 END
             + CASE WHEN n_view > 0 THEN 1e0 + ln(CAST(n_view AS DOUBLE)) ELSE 0e0 END
             + CASE WHEN n_dwell > 0 THEN 1e0 + ln(CAST(n_dwell AS DOUBLE)) ELSE 0e0 END
             + CASE WHEN n_share > 0 THEN 2e0 * (1e0 + ln(CAST(n_share AS DOUBLE))) ELSE 0e0 END
             + CASE WHEN n_wishlist > 0 THEN 2e0 * (1e0 + ln(CAST(n_wishlist AS DOUBLE))) ELSE 0e0 END
             + CASE WHEN n_cart > 0 THEN 3e0 * (1e0 + ln(CAST(n_cart AS DOUBLE))) ELSE 0e0 END
             + CASE WHEN n_rating > 0 THEN 2e0 * (1e0 + ln(CAST(n_rating AS DOUBLE))) ELSE 0e0 END AS interest,
           CASE WHEN n_purchase > 0 THEN 5e0 * (1e0 + ln(CAST(n_purchase AS DOUBLE))) ELSE 0e0 END AS bought
    FROM net
)
SELECT user_id, product_id, first_at_us, last_at_us, n,
       n_view > 0 AS user_viewed_product,
       n_purchase > 0 AS user_purchased_product,
       n_purchase,
       stars,
       is_liked * interest AS interest,
       is_liked * (interest + bought) AS strength
FROM weighed
