-- Drawn to the shop's mean as if each product had five more reviews of that mean.
SELECT product_id, count(*) AS n_reviews,
       (sum(CAST(sentiment AS DOUBLE))
          + 5e0 * (SELECT avg(CAST(sentiment AS DOUBLE)) FROM reviews WHERE position <= :up_to))
         / (CAST(count(*) AS DOUBLE) + 5e0) AS sentiment_score_user_reviews
FROM reviews
WHERE sentiment IS NOT NULL AND position <= :up_to
GROUP BY product_id
