SELECT user_id,
       count(*) FILTER (WHERE interaction_type = 'impression') AS n_impression,
       count(*) FILTER (WHERE interaction_type = 'click') AS n_click,
       count(*) FILTER (WHERE interaction_type = 'view') AS n_view,
       count(*) FILTER (WHERE interaction_type = 'dwell') AS n_dwell,
       count(*) FILTER (WHERE interaction_type = 'share') AS n_share,
       count(*) FILTER (WHERE interaction_type = 'wishlist') AS n_wishlist,
       count(*) FILTER (WHERE interaction_type = 'cart') AS n_cart,
       count(*) FILTER (WHERE interaction_type = 'uncart') AS n_uncart,
       count(*) FILTER (WHERE interaction_type = 'purchase') AS n_purchase,
       count(*) FILTER (WHERE interaction_type = 'refund') AS n_refund,
       count(*) FILTER (WHERE interaction_type = 'rating') AS n_rating,
       count(*) FILTER (WHERE interaction_type <> 'impression') AS interaction_count
FROM interactions
WHERE user_id IS NOT NULL AND interaction_type IS NOT NULL AND position <= :up_to
GROUP BY user_id
