SELECT user_id, sum(interaction_duration) AS interaction_duration
FROM interactions
WHERE user_id IS NOT NULL AND interaction_duration IS NOT NULL AND position <= :up_to
GROUP BY user_id
