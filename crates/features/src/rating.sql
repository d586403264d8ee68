SELECT product_id, count(*) AS n_ratings, avg(rating) AS average_ratings_product
FROM interactions
WHERE product_id IS NOT NULL AND interaction_type = 'rating' AND rating IS NOT NULL AND position <= :up_to
GROUP BY product_id
