WITH counted AS (
    SELECT product_id,
           count(*) FILTER (WHERE interaction_type = 'impression') AS n_impression,
           count(*) FILTER (WHERE interaction_type = 'view') AS n_view,
           count(*) FILTER (WHERE interaction_type = 'cart') AS n_cart,
           count(*) FILTER (WHERE interaction_type = 'purchase') AS n_purchase,
           count(*) FILTER (WHERE interaction_type <> 'impression') AS interaction_count
    FROM interactions
    WHERE product_id IS NOT NULL AND interaction_type IS NOT NULL AND position <= :up_to
    GROUP BY product_id
)
SELECT product_id, n_impression, n_view, n_cart, n_purchase, interaction_count,
       CASE WHEN max(interaction_count) OVER () > 0
            THEN CAST(interaction_count AS DOUBLE) / CAST(max(interaction_count) OVER () AS DOUBLE)
            ELSE 0e0 END AS interaction_count_normalized
FROM counted
